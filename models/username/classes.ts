/** The classes, in the order of every probability vector. */
export const CLASSES = ['username', 'password', 'command', 'service'] as const;
export type UsernameClass = (typeof CLASSES)[number];
