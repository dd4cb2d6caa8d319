import { describeError } from '@elstream/core';

/** What was started, ended in reverse order; one that fails does not keep the others. */
export class Cleanup {
  private readonly steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  /** Returns what went wrong, for people. */
  async run(): Promise<readonly string[]> {
    const problems: string[] = [];
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      try {
        await step();
      } catch (error) {
        problems.push(describeError(error));
      }
    }
    return problems;
  }
}
