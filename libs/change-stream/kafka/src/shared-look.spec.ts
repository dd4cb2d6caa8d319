import { sharedLook } from './shared-look';

describe('a shared look', () => {
  it('is taken once by all who ask while it is under way, and anew afterwards', async () => {
    const answers: ((value: number) => void)[] = [];
    const look = sharedLook(() => new Promise<number>((resolve) => answers.push(resolve)));
    const both = Promise.all([look(), look()]);
    answers[0]?.(1);
    expect(await both).toEqual([1, 1]);
    const next = look();
    answers[1]?.(2);
    expect(await next).toBe(2);
    expect(answers).toHaveLength(2);
  });

  it('that fails does so for all who waited, and is tried again by the next', async () => {
    let looks = 0;
    const look = sharedLook(async () => {
      looks += 1;
      if (looks === 1) throw new Error('away');
      return looks;
    });
    expect(await Promise.allSettled([look(), look()])).toEqual([expect.objectContaining({ status: 'rejected' }), expect.objectContaining({ status: 'rejected' })]);
    expect(await look()).toBe(2);
  });
});
