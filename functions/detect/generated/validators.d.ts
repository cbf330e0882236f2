/** Types of the generated validators; each fills in the schema's defaults as it says yes. */
import type { AuthWindow } from '../../../contract/auth-window.ts';
import type { FlatObject } from '../../../contract/detect-request.ts';
import type { NetworkWindow } from '../../../contract/network-window.ts';

export function isNetworkWindow(value: unknown): value is NetworkWindow;
export function isAuthWindow(value: unknown): value is AuthWindow;
export function isFlatObject(value: unknown): value is FlatObject;
