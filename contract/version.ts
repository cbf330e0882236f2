/** The release, as /health, webhooks and a collector's metrics name it; a test compares it with package.json. */
export const VERSION = '0.1.0';
