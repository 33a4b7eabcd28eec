// The authenticators that a configuration has, and what can be wrong with them.

import type { Config } from './config-types.ts'
import type { ConfigProblem } from './config-error.ts'

type Access = Config['access']
type AuthenticatorName = NonNullable<Access['order']>[number]

/** What a program that embeds the broker adds to the chain. */
export type ByProgram = readonly 'code'[]

export function configuredAuthenticators(
  access: Access,
  byProgram: ByProgram,
): readonly AuthenticatorName[] {
  const { certificates, psk, tokens, jwt, http } = access
  return [
    ...(certificates === undefined ? [] : (['certificates'] as const)),
    ...(psk === undefined ? [] : (['psk'] as const)),
    ...(tokens === undefined ? [] : (['tokens'] as const)),
    ...(jwt === undefined ? [] : (['jwt'] as const)),
    ...(hasUsers(access) ? (['users'] as const) : []),
    ...(http === undefined ? [] : (['http'] as const)),
    ...byProgram,
  ]
}

/** Whether there are users with passwords. */
export function hasUsers({ usersFile, users, dynamicSecurityFile }: Access): boolean {
  return (usersFile ?? users ?? dynamicSecurityFile) !== undefined
}

export function authenticatorProblems(
  access: Access,
  byProgram: ByProgram,
): readonly ConfigProblem[] {
  return [
    ...orderProblems(access, byProgram),
    ...jwtProblems(access),
    ...tokensProblems(access, byProgram),
  ]
}

/** One that is left out would never be asked, and nobody might notice. */
function orderProblems(access: Access, byProgram: ByProgram): readonly ConfigProblem[] {
  const { order } = access
  if (order === undefined) return []
  const path = ['access', 'order']
  const configured = configuredAuthenticators(access, byProgram)
  const missing = configured.filter(name => !order.includes(name))
  const others = order.filter(name => !configured.includes(name))
  const twice = order.filter((name, index) => order.indexOf(name) !== index)
  return [
    ...missing.map(name => ({ path, sentence: `${name} is configured and missing here` })),
    ...others.map(name => ({ path, sentence: `${name} is not configured` })),
    ...twice.map(name => ({ path, sentence: `${name} is here twice` })),
  ]
}

const ISSUED_FOR: readonly AuthenticatorName[] = ['jwt', 'users', 'http', 'code']

function tokensProblems(access: Access, byProgram: ByProgram): readonly ConfigProblem[] {
  if (access.tokens === undefined) return []
  const others = configuredAuthenticators(access, byProgram)
  if (others.some(name => ISSUED_FOR.includes(name))) return []
  const sentence = 'needs users who may have tokens: usersFile, jwt or http'
  return [{ path: ['access', 'tokens'], sentence }]
}

const KEY_SOURCES = ['jwksFile', 'jwksUrl', 'keyFile', 'secretFile'] as const

function jwtProblems({ jwt }: Access): readonly ConfigProblem[] {
  if (jwt === undefined) return []
  const path = ['access', 'jwt']
  const sources = KEY_SOURCES.filter(name => jwt[name] !== undefined)
  const problems: ConfigProblem[] = []
  if (sources.length !== 1) {
    const found = sources.length === 0 ? 'none of them' : sources.join(' and ')
    problems.push({ path, sentence: `needs one of ${KEY_SOURCES.join(', ')}, and has ${found}` })
  }
  if (jwt.caFile !== undefined && jwt.jwksUrl === undefined) {
    problems.push({ path: [...path, 'caFile'], sentence: 'is only for jwksUrl' })
  }
  return problems
}
