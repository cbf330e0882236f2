/** The validators that are compiled ahead of time judge as the schemas do, and fill in the same. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { generateValidators, VALIDATORS_FILE } from '../cli/edge/generate-validators.ts';
import { authWindow } from '../contract/auth-window.ts';
import { flatObject } from '../contract/detect-request.ts';
import { networkWindow } from '../contract/network-window.ts';
import { isAuthWindow, isFlatObject, isNetworkWindow } from '../functions/detect/generated/validators.js';

describe('the validators compiled ahead of time', () => {
  it('are those of the schemas as they stand now', () => {
    expect(readFileSync(VALIDATORS_FILE, 'utf8')).toBe(generateValidators());
  });

  const odd = fc.oneof(
    fc.constantFrom<unknown>(null, -1, 0, 1, 0.5, 1e300, Number.POSITIVE_INFINITY, Number.NaN, '', '5', true, [], {}),
    fc.double(),
    fc.string(),
  );
  const source = fc.record(
    { ip: fc.oneof(fc.ipV4(), odd), packets: fc.oneof(fc.nat(), odd), bytes: fc.nat() },
    { requiredKeys: [] },
  );
  const near = (schema: z.ZodObject): fc.Arbitrary<Record<string, unknown>> =>
    fc.record(
      Object.fromEntries(
        Object.keys(schema.shape).map((key): [string, fc.Arbitrary<unknown>] => {
          if (key === 'sources')
            return [key, fc.oneof({ weight: 4, arbitrary: fc.array(source, { maxLength: 12 }) }, odd)];
          if (key === 'start')
            return [
              key,
              fc.oneof(
                {
                  weight: 8,
                  arbitrary: fc
                    .date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') })
                    .map((date) => date.toISOString()),
                },
                odd,
              ),
            ];
          if (key.startsWith('username'))
            return [key, fc.oneof({ weight: 12, arbitrary: fc.constantFrom('service', 'username') }, odd)];
          if (['id', 'host', 'group', 'interface'].includes(key))
            return [key, fc.oneof({ weight: 8, arbitrary: fc.constantFrom('a', 'web-1', 'eth0') }, odd)];
          return [key, fc.oneof({ weight: 12, arbitrary: fc.constantFrom<unknown>(0, 1, 1, 1) }, odd)];
        }),
      ),
      { requiredKeys: ['id', 'host', 'start', 'duration_s'].filter((key) => key in schema.shape) },
    );

  it.each<[string, z.ZodObject, (value: unknown) => boolean]>([
    ['network windows', networkWindow, isNetworkWindow],
    ['auth windows', authWindow, isAuthWindow],
    ['flat objects', flatObject, isFlatObject],
  ])('agree with zod on %s, defaults included', (_, schema, validate) => {
    let valid = 0;
    fc.assert(
      fc.property(near(schema), (value) => {
        const expected = schema.safeParse(structuredClone(value));
        const filled = structuredClone(value);
        expect(validate(filled)).toBe(expected.success);
        if (!expected.success) return;
        valid++;
        expect(filled).toEqual(expected.data);
      }),
      { numRuns: 8000 },
    );
    expect(valid).toBeGreaterThan(20);
  });
});
