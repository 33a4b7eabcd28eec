// Checks for the rules of the kit. They use Node's assertions, so that any test runner can run them.

import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'

interface Checks {
  equal(actual: unknown, expected: unknown): void
  strictSame(actual: unknown, expected: unknown): void
  rejects(promise: Promise<unknown>, sentence: RegExp): Promise<void>
  /** Checks that the expected values are there; others may be there as well. */
  match(actual: unknown, expected: unknown): void
}

export const is: Checks = {
  equal: strictEqual,
  strictSame: deepStrictEqual,
  rejects,
  match: (actual, expected) => deepStrictEqual(pickedFrom(actual, expected), expected),
}

function pickedFrom(actual: unknown, expected: unknown): unknown {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    return actual.map((each: unknown, index) => pickedFrom(each, expected[index]))
  }
  const isPlain = typeof expected === 'object' && expected !== null && !Buffer.isBuffer(expected)
  if (!isPlain || typeof actual !== 'object' || actual === null) return actual
  const values = new Map<string, unknown>(Object.entries(actual))
  return Object.fromEntries(
    Object.entries(expected).map(([key, value]) => [key, pickedFrom(values.get(key), value)]),
  )
}
