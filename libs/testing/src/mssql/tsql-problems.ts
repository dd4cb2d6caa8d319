/** What a grammar of T-SQL has to say against a statement, in words; empty: nothing. */
export type TsqlProblems = (sql: string) => readonly string[];

/** The grammar check that `goldenStatements` runs on each statement; null: there is none. */
export const tsqlProblems: TsqlProblems | null = null;
