/** The variables that detect and train share: where storage is, and how long things are kept there. */
import { S3_VARIABLES } from '../../functions/storage/s3-settings.ts';

export const STORAGE_VARIABLES = [...S3_VARIABLES, 'WINDOW_RETENTION_DAYS', 'MODEL_VERSIONS_KEPT'] as const;

/** What the train Worker reads too; thresholds and keys are none of its business. */
export function varsOfTrain(vars: Readonly<Record<string, string>>): Record<string, string> {
  const names: readonly string[] = STORAGE_VARIABLES;
  return Object.fromEntries(Object.entries(vars).filter(([name]) => names.includes(name)));
}
