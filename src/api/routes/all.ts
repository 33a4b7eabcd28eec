// All paths of the API.

import { openApiRoute } from '../openapi.ts'
import type { ApiParts } from '../parts.ts'
import type { Route } from '../route.ts'
import { accessRoutes } from './access.ts'
import { administrationRoutes } from './administration.ts'
import { approvalRoutes } from './approvals.ts'
import { backupRoutes } from './backups.ts'
import { banRoutes } from './bans.ts'
import { bridgeRoutes } from './bridges.ts'
import { clientRoutes } from './clients.ts'
import { configRoutes } from './config.ts'
import { delayedRoutes } from './delayed.ts'
import { transactionRoutes } from './transactions.ts'
import { drainRoutes } from './drain.ts'
import { groupRoutes } from './groups.ts'
import { keyRoutes } from './keys.ts'
import { publishRoutes } from './publish.ts'
import { queueRoutes } from './queues.ts'
import { recordRoutes } from './records.ts'
import { retainedRoutes } from './retained.ts'
import { searchRoutes } from './search.ts'
import { signInRoutes } from './sign-in.ts'
import { statusRoutes } from './status.ts'
import { streamRoutes } from './stream.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { traceRoutes } from './traces.ts'

export function routesOf(parts: ApiParts): readonly Route[] {
  const routes = [
    ...statusRoutes(parts),
    ...signInRoutes(parts),
    ...keyRoutes(parts),
    ...clientRoutes(parts),
    ...configRoutes(parts),
    ...backupRoutes(parts),
    ...banRoutes(parts),
    ...bridgeRoutes(parts),
    ...accessRoutes(parts),
    ...groupRoutes(parts),
    ...queueRoutes(parts),
    ...administrationRoutes(parts),
    ...subscriptionRoutes(parts),
    ...searchRoutes(parts),
    ...delayedRoutes(parts),
    ...transactionRoutes(parts),
    ...drainRoutes(parts),
    ...streamRoutes(parts),
    ...retainedRoutes(parts),
    ...publishRoutes(parts),
    ...recordRoutes(parts),
    ...approvalRoutes(parts),
    ...traceRoutes(parts),
  ]
  return [...routes, openApiRoute(routes)]
}
