// `GET status`: the figures of the broker.

import type { FrontEndStatus } from '../../observe/front-end-metrics.ts'
import { usageOfProcess } from '../../observe/resident-memory.ts'
import { VERSION } from '../../observe/version.ts'
import {
  type AlarmRow,
  type FrontEndRow,
  type StatusAnswer,
  statusAnswer,
} from '../contract/status.ts'
import { unknownCaller } from '../app.ts'
import type { ApiParts } from '../parts.ts'
import { type Route, route } from '../route.ts'
import { isoOf } from '../times.ts'

export function statusRoutes(parts: ApiParts): readonly Route[] {
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
        return statusFor(parts, caller !== null && caller.role !== 'user')
      },
    }),
  ]
}

/** `isReader`: whoever gets it may know the names of clients. */
export function statusFor(
  { status, now, storeFreeBytes, records, allCounters }: ApiParts,
  isReader: boolean,
): StatusAnswer {
  const figures = status()
  const usage = usageOfProcess()
  return {
    version: isReader ? VERSION : null,
    at: isoOf(now()),
    ...figures,
    storeFreeBytes: storeFreeBytes(),
    rssBytes: usage.residentBytes,
    cpuSeconds: usage.cpuSeconds,
    frontEnds: figures.frontEnds.map(rowOf),
    api: allCounters(),
    alarms: isReader ? records.alarms.all.map(alarmOf) : null,
    top: isReader ? topOf(records.census.top) : null,
  }
}

function alarmOf({ since, ...alarm }: ApiParts['records']['alarms']['all'][number]): AlarmRow {
  return { ...alarm, since: isoOf(since) }
}

function rowOf({ residentBytes, lastFailure, ...frontEnd }: FrontEndStatus): FrontEndRow {
  return {
    ...frontEnd,
    rssBytes: residentBytes,
    lastFailure: lastFailure && { ...lastFailure, at: isoOf(lastFailure.at) },
  }
}

/** The lists are copied, because they change. */
function topOf(top: ApiParts['records']['census']['top']): NonNullable<StatusAnswer['top']> {
  return Object.fromEntries(Object.entries(top).map(([name, entries]) => [name, [...entries]]))
}
