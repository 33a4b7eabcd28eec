// Kinds of values that several sections of the configuration have.

import { z } from './zod.ts'

export function whole(fallback: number, min: number, max: number, description: string) {
  return z.int().min(min).max(max).default(fallback).describe(description)
}

export const file = z.string().min(1)

/** Of a service: https, or http to this machine. Nothing of a client ever becomes a part of it. */
export const serviceUrl = z
  .string()
  .refine(
    isServiceUrl,
    'expected an https URL (http only to 127.0.0.1, ::1 or localhost) without a password',
  )

const LOCAL_HOSTS = ['127.0.0.1', '[::1]', 'localhost']

function isServiceUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && LOCAL_HOSTS.includes(hostname))
}
