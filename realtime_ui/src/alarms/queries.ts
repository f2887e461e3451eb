/** All that is read of ways, templates and messages; whoever changes one says that these are old. */
export const WAYS_READ = ["notification"] as const;
