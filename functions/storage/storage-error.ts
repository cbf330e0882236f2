/** What a driver throws where object storage does not do what it was asked. */

export type StorageOperation = 'get' | 'put' | 'list' | 'delete';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly operation: StorageOperation;
  /** The key, or for a list its prefix. */
  readonly key: string;
  /** The server's code such as `AccessDenied`, or what went wrong on the way. */
  readonly code: string;
  /** Null where no answer came. */
  readonly status: number | null;

  constructor(
    { operation, key, code, status }: Pick<StorageError, 'operation' | 'key' | 'code' | 'status'>,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.operation = operation;
    this.key = key;
    this.code = code;
    this.status = status;
  }
}
