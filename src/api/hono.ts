// The web framework, read when the API is asked for the first time, and one file after another (see config/zod.ts).

import { createRequire } from 'node:module'
import type * as nodeServer from '@hono/node-server'
import type * as hono from 'hono'

interface Framework {
  readonly Hono: typeof hono.Hono
  readonly getRequestListener: typeof nodeServer.getRequestListener
}

export function loadFramework(): Framework {
  const load = createRequire(import.meta.url)
  const { Hono } = load('hono') as typeof hono
  const { getRequestListener } = load('@hono/node-server') as typeof nodeServer
  return { Hono, getRequestListener }
}
