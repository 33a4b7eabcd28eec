// Where clients reach this broker: the host of the page, and the port of its first listener for MQTT.

import { computed, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { ListenersAnswer } from '../../api/contract/administration.ts'
import { request } from '../app/api.ts'

export interface Place {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
}

const MQTT_PORT = 1_883
const listeners = signal<ListenersAnswer['listeners']>([])

export const mqttPlace = computed<Place>(() => {
  const mqtt = listeners.value.find(
    ({ protocol, port }) => protocol === 'mqtt' && port !== undefined,
  )
  return { host: location.hostname, port: mqtt?.port ?? MQTT_PORT, isTls: mqtt?.tls ?? false }
})

/** Asks once a page which listeners there are. */
export function usePlaces(): void {
  useEffect(() => {
    if (listeners.peek().length > 0) return
    request<ListenersAnswer>('listeners').then(
      answer => (listeners.value = answer.listeners),
      // Then the usual port is shown.
      () => null,
    )
  }, [])
}
