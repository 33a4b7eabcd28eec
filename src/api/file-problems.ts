// Errors of the files of users and rules, as problems that are answered.

import { AccessFileError } from '../access/access-file.ts'
import { EditError } from '../access/edit-file.ts'
import type { ProblemAnswer } from './contract/problem.ts'
import { Problem } from './problem.ts'

/** Throws Problem with the lines of an access file that are wrong. */
export function attempted<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    throw asProblem(error)
  }
}

/** The same for a change of such a file. */
export async function edited<Result>(edit: () => Promise<Result>): Promise<Result> {
  try {
    return await edit()
  } catch (error) {
    throw asProblem(error)
  }
}

function asProblem(error: unknown): unknown {
  if (error instanceof EditError) return new Problem(409, error.message)
  if (!(error instanceof AccessFileError)) return error
  const errors = error.problems.slice(0, 20).map(lineOf)
  return new Problem(422, error.message.split('\n')[0] ?? '', { errors })
}

function lineOf({ place, sentence }: AccessFileError['problems'][number]) {
  const line = /:(\d+)$/.exec(place)?.[1]
  const error: NonNullable<ProblemAnswer['errors']>[number] = {
    path: place.replace(/:\d+$/, ''),
    detail: sentence,
  }
  return line === undefined ? error : { ...error, line: Number(line) }
}
