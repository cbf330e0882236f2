/** The variables that detect and train share: where storage is, and how long things are kept there. */

export const STORAGE_VARIABLES = [
  'STORAGE_S3_ENDPOINT',
  'STORAGE_S3_BUCKET',
  'STORAGE_S3_REGION',
  'STORAGE_S3_ACCESS_KEY_ID',
  'STORAGE_S3_SECRET_ACCESS_KEY',
  'WINDOW_RETENTION_DAYS',
  'MODEL_VERSIONS_KEPT',
] as const;
