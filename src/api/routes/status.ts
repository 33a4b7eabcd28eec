// `GET status`: the figures of the broker.

import { VERSION } from '../../observe/version.ts'
import { type AlarmRow, type StatusAnswer, statusAnswer } from '../contract/status.ts'
import { unknownCaller } from '../app.ts'
import type { ApiParts } from '../parts.ts'
import { type Route, route } from '../route.ts'

export function statusRoutes(
  { status, now, storeFreeBytes, records }: ApiParts,
  counters: () => Readonly<Record<string, number>>,
): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/status',
      roles: null,
      summary:
        'The figures of the broker. On this machine whoever asks gets them, without what names clients',
      answer: statusAnswer,
      isUrgent: true,
      handle({ caller, source }) {
        if (caller === null && !source.isLocal) throw unknownCaller()
        const isKnown = caller !== null && caller.role !== 'user'
        return {
          version: isKnown ? VERSION : null,
          at: new Date(now()).toISOString(),
          ...status(),
          storeFreeBytes: storeFreeBytes(),
          rssBytes: process.memoryUsage.rss(),
          api: counters(),
          alarms: isKnown ? records.alarms.all.map(alarmOf) : null,
          top: isKnown ? topOf(records.census.top) : null,
        }
      },
    }),
  ]
}

function alarmOf({ since, ...alarm }: ApiParts['records']['alarms']['all'][number]): AlarmRow {
  return { ...alarm, since: new Date(since).toISOString() }
}

/** The lists are copied, because they change. */
function topOf(top: ApiParts['records']['census']['top']): NonNullable<StatusAnswer['top']> {
  return Object.fromEntries(Object.entries(top).map(([name, entries]) => [name, [...entries]]))
}
