/** The fields that the schemas know, to drop and count every other. */
import { authWindow } from '../../contract/auth-window.ts';
import { flatObject } from '../../contract/detect-request.ts';
import { networkWindow, source } from '../../contract/network-window.ts';
import { nestsTooDeep } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';

export type FieldSet = ReadonlySet<string>;

export const NETWORK_FIELDS: FieldSet = new Set(Object.keys(networkWindow.shape));
export const AUTH_FIELDS: FieldSet = new Set(Object.keys(authWindow.shape));
export const FLAT_FIELDS: FieldSet = new Set(Object.keys(flatObject.shape));
export const SOURCE_FIELDS: FieldSet = new Set(Object.keys(source.shape));

/**
 * Deletes the fields of `body` that `known` does not name, and answers how many there were.
 * @throws HttpProblem 400 where an unknown field is nested too deep to be looked into
 */
export function keepKnownFields(body: object, known: FieldSet, path: string): number {
  let unknown = 0;
  for (const key of Object.keys(body)) {
    if (known.has(key)) continue;
    if (nestsTooDeep(Reflect.get(body, key))) {
      const name = key.slice(0, 64);
      throw new HttpProblem(400, 'The request is nested too deep.', {
        errors: [{ path: path === '' ? name : `${path}.${name}`, message: 'is nested too deep' }],
      });
    }
    Reflect.deleteProperty(body, key);
    unknown++;
  }
  return unknown;
}
