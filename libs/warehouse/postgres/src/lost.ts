/** Thrown in a transaction of a task that is no longer ours: everything rolls back. */
export class Lost extends Error {}
