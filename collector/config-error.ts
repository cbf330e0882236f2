/** Settings that make no sense; the message names each, with what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
