// Printed from the schema in config.ts by `npm run reference`. Do not edit.

/** A valid configuration with all defaults. */
export interface Config {
  listeners: {
    protocol: 'mqtt' | 'ws'
    host: string
    port?: number | undefined
    path?: string | undefined
    tls?:
      | {
          certFile?: string | undefined
          keyFile?: string | undefined
          caFile?: string | undefined
          requestCertificate?: boolean | undefined
          requireCertificate?: boolean | undefined
          crlFile?: string | undefined
          pskFile?: string | undefined
          pskHint?: string | undefined
          minVersion: 'TLSv1.2' | 'TLSv1.3'
          ciphers?: string | undefined
          sni?:
            | Record<
                string,
                {
                  certFile: string
                  keyFile: string
                }
              >
            | undefined
        }
      | undefined
    plaintext: boolean
    requireUser: boolean
    access?:
      | {
          usersFile?: string | undefined
          rulesFile?: string | undefined
          dynamicSecurityFile?: string | undefined
          anonymous?: 'never' | 'loopback' | 'everywhere' | undefined
        }
      | undefined
    mountPoint?: string | undefined
    qosMax: 0 | 1 | 2
    usernameIsClientId: boolean
    proxyProtocol: boolean
    proxyTrusted?: string[] | undefined
    origins?: string[] | undefined
    hosts?: string[] | undefined
    connectionsMax: number
    handshakeTimeoutMs: number
  }[]
  frontEnds: 'auto' | number
  store: {
    durability: 'fsync' | 'os' | 'memory'
    jetstream?:
      | {
          servers: string[]
          stream: string
          replicas: number
          syncsAlways: boolean
          user?: string | undefined
          passwordFile?: string | undefined
          credentialsFile?: string | undefined
          tls?:
            | {
                caFile?: string | undefined
                certFile?: string | undefined
                keyFile?: string | undefined
              }
            | undefined
          bytesMax?: number | undefined
          cacheBytes: number
          waitSeconds: number
        }
      | undefined
    directory?: string | undefined
    reserveBytes: number
    segmentBytes: number
    checkpointBytes: number
  }
  access: {
    usersFile?: string | undefined
    users?: Record<string, string> | undefined
    rulesFile?: string | undefined
    rules?: string | undefined
    dynamicSecurityFile?: string | undefined
    certificates?:
      | {
          user?: 'commonName' | 'subjectAltName' | undefined
          fingerprints?: string[] | undefined
          fingerprintsFile?: string | undefined
        }
      | undefined
    psk?:
      | {
          user: 'identity'
        }
      | undefined
    jwt?:
      | {
          jwksFile?: string | undefined
          jwksUrl?: string | undefined
          caFile?: string | undefined
          keyFile?: string | undefined
          secretFile?: string | undefined
          algorithms?:
            | (
                | 'RS256'
                | 'RS384'
                | 'RS512'
                | 'PS256'
                | 'PS384'
                | 'PS512'
                | 'ES256'
                | 'ES384'
                | 'ES512'
                | 'EdDSA'
                | 'Ed25519'
                | 'HS256'
                | 'HS384'
                | 'HS512'
              )[]
            | undefined
          issuer?: string | undefined
          audience?: string | undefined
          userClaim: string
          clientIdClaim?: string | undefined
          rulesClaim: string
          clockSkewSeconds: number
          refreshSeconds: number
          keysValidSeconds: number
        }
      | undefined
    http?:
      | {
          url: string
          caFile?: string | undefined
          tokenFile?: string | undefined
          timeoutMs: number
          cacheSeconds: number
          requestsMax: number
          requestsQueuedMax: number
        }
      | undefined
    tokens?:
      | {
          validSeconds: number
          users?: string[] | undefined
        }
      | undefined
    order?: ('certificates' | 'psk' | 'tokens' | 'jwt' | 'users' | 'http' | 'code')[] | undefined
    checkRetainSource?: boolean | undefined
    clientIdPattern?: string | undefined
    anonymous?: 'never' | 'loopback' | 'everywhere' | undefined
  }
  limits: {
    packetBytesMax: number
    connectPacketBytesMax: number
    connectTimeoutSeconds: number
    authenticationStepsMax: number
    strangerBytesMax: number
    strangersPerAddressMax: number
    clientIdBytesMax: number
    topicLevelsMax: number
    userPropertiesMax: number
    topicAliasMax: number
    topicAliasBytesMax: number
    outgoingTopicAliasMax: number
    receiveMax: number
    receiveToleratedMax: number
    inFlightMax: number
    inFlightBytesMax: number
    queuedMessagesMax: number
    queuedBytesMax: number
    queuedBytesPerUserMax: number
    queuedInMemoryMax: number
    queuedInMemoryBytesMax: number
    queueOverflow: 'drop-newest' | 'drop-oldest' | 'refuse'
    queueQoS0WhileAway: boolean
    sessionExpirySecondsMax: number
    keepAliveSecondsMax: number
    subscriptionsPerClientMax: number
    subscriptionsPerUserMax: number
    conflatedTopicsMax: number
    conflatedBytesMax: number
    expressionsPerClientMax: number
    expressionsMax: number
    delayedMessagesMax: number
    delayedMessagesPerClientMax: number
    delayedMessagesPerUserMax: number
    delayedBytesMax: number
    delayedBytesPerUserMax: number
    delayedSecondsMax: number
    transactionMessagesMax: number
    transactionBytesMax: number
    transactionsBytesMax: number
    transactionsBytesPerUserMax: number
    transactionsPerClientMax: number
    transactionSecondsMax: number
    transactionAskAfterSeconds: number
    transactionDecideWithinSeconds: number
    transactionDeliveriesMax: number
    transactionNamesPerClientMax: number
    transactionNamesPerUserMax: number
    transactionNamesMax: number
    transactionNamesKeptSeconds: number
    dedupeSeconds: number
    dedupePerClientMax: number
    dedupePerUserMax: number
    dedupeMax: number
    dedupeIdBytesMax: number
    namedQueuesMax: number
    namedQueuesPerUserMax: number
    filterShapesMax: number
    filterShapesPerClientMax: number
    shareGroupsPerTopicMax: number
    retainedMessagesMax: number
    retainedBytesMax: number
    retainedMessagesPerUserMax: number
    retainedBytesPerUserMax: number
    sessionsPerUserMax: number
    sessionsMax: number
    keptHeapBytesMax: number
    keptBufferBytesMax: number
    connectionsMax: number
    connectionsPerUserMax: number
    connectionsPerAddressMax: number
    connectionsPerSecondMax: number
    connectionsPerSecondPerAddressMax: number
    connectsPerSecondMax: number
    takeoversPerMinuteMax: number
    takeoverDelaySecondsMax: number
    clientIdInUse: 'take-over' | 'refuse'
    messagesPerSecondMax: number
    bytesPerSecondMax: number
    messagesPerSecondPerUserMax: number
    bytesPerSecondPerUserMax: number
    slowedSecondsMax: number
    outgoingMessagesPerSecondMax: number
    outgoingBytesPerSecondMax: number
    outgoingMessagesPerSecondPerUserMax: number
    outgoingBytesPerSecondPerUserMax: number
    controlBytesMax: number
    controlWaitingMax: number
    dynamicSecurityNamesMax: number
    outboxBytesMax: number
    stalledSecondsMax: number
    turnWorkMax: number
    turnWorkTotalMax: number
    publishBacklogBytesMax: number
  }
  overload: {
    enabled: boolean
    level1: {
      loopDelayMs: number
      commitAgeMs: number
      memoryPercent: number
    }
    level2: {
      loopDelayMs: number
      commitAgeMs: number
      memoryPercent: number
      diskFreePercent: number
      diskFreeBytes: number
    }
    level3: {
      loopDelayMs: number
      commitAgeMs: number
      memoryPercent: number
      diskFreePercent: number
      diskFreeBytes: number
    }
  }
  share: {
    strategy:
      | 'round-robin'
      | 'random'
      | 'weighted'
      | 'sticky'
      | 'hash-client'
      | 'hash-topic'
      | 'least-in-flight'
    groups: Record<
      string,
      {
        strategy?:
          | 'round-robin'
          | 'random'
          | 'weighted'
          | 'sticky'
          | 'hash-client'
          | 'hash-topic'
          | 'least-in-flight'
          | undefined
        weights?: Record<string, number> | undefined
      }
    >
    queuedMessagesMax: number
    queueOverflow?: 'drop-newest' | 'drop-oldest' | 'refuse' | undefined
    queuedBytesMax: number
  }
  subscriptions: {
    filterInTopic: boolean
    payloadFilters: boolean
    conflate: {
      filter: string
      users?: string[] | undefined
      milliseconds: number
    }[]
  }
  queues: {
    create: 'subscribers' | 'operators'
    created: {
      messagesMax: number
      bytesMax: number
    }
    named: Record<
      string,
      {
        filters?: string[] | undefined
        where?: string | undefined
        order?: 'parallel' | 'fifo' | 'keyed' | undefined
        key?: string | undefined
        latestByKey?: boolean | undefined
        strategy?:
          | 'round-robin'
          | 'random'
          | 'weighted'
          | 'sticky'
          | 'hash-client'
          | 'hash-topic'
          | 'least-in-flight'
          | undefined
        messagesMax?: number | undefined
        bytesMax?: number | undefined
        overflow?: 'drop-oldest' | 'refuse' | undefined
        qos0?: 'keep' | 'pass-by' | undefined
        messageExpirySeconds?: number | undefined
        ackDeadlineSeconds?: number | undefined
        deliveriesMax?: number | undefined
        retryDelaySeconds?: number | undefined
        retryDelaySecondsMax?: number | undefined
        deadLetter?: string | undefined
        idleExpirySeconds?: number | undefined
      }
    >
  }
  responseInformation: string | null
  dashboard: {
    enabled: boolean
    hosts: string[]
    plain: boolean
    viewersSeePayloads: boolean
  }
  log: {
    level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
    format: 'auto' | 'json' | 'pretty'
    bufferBytesMax: number
    repeatsMax: number
    addressLinesMax: number
    eventLinesMax: number
  }
  bridges: Record<
    string,
    {
      addresses: string[]
      tls?:
        | {
            caFile?: string | undefined
            certFile?: string | undefined
            keyFile?: string | undefined
            alpn?: string | undefined
            serverName?: string | undefined
          }
        | undefined
      protocol: '5' | '3.1.1'
      clientId?: string | undefined
      username?: string | undefined
      password?: string | undefined
      passwordFile?: string | undefined
      keepAliveSeconds: number
      cleanStart: boolean
      bridgeBit: boolean
      retain: boolean
      topics: {
        filter: string
        direction: 'out' | 'in' | 'both'
        qos: number
        localPrefix: string
        remotePrefix: string
      }[]
      notifications: 'both' | 'local' | 'none'
      notificationTopic?: string | undefined
      loopProtection: boolean
      restartSecondsMin: number
      restartSecondsMax: number
    }
  >
  observe: {
    timelineBytes: number
  }
  metrics: {
    compat: ('mosquitto' | 'emqx')[]
  }
  shutdown: {
    drainSeconds: number
    disconnectsPerSecond: number
    serverReference?: string | undefined
  }
}

/** A configuration as it may be written: keys with a default may be left out, and sizes may be written `10MB`. */
export interface ConfigInput {
  listeners?:
    | {
        protocol?: 'mqtt' | 'ws' | undefined
        host?: string | undefined
        port?: number | undefined
        path?: string | undefined
        tls?:
          | {
              certFile?: string | undefined
              keyFile?: string | undefined
              caFile?: string | undefined
              requestCertificate?: boolean | undefined
              requireCertificate?: boolean | undefined
              crlFile?: string | undefined
              pskFile?: string | undefined
              pskHint?: string | undefined
              minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
              ciphers?: string | undefined
              sni?:
                | Record<
                    string,
                    {
                      certFile: string
                      keyFile: string
                    }
                  >
                | undefined
            }
          | undefined
        plaintext?: boolean | undefined
        requireUser?: boolean | undefined
        access?:
          | {
              usersFile?: string | undefined
              rulesFile?: string | undefined
              dynamicSecurityFile?: string | undefined
              anonymous?: 'never' | 'loopback' | 'everywhere' | undefined
            }
          | undefined
        mountPoint?: string | undefined
        qosMax?: 0 | 1 | 2 | undefined
        usernameIsClientId?: boolean | undefined
        proxyProtocol?: boolean | undefined
        proxyTrusted?: string[] | undefined
        origins?: string[] | undefined
        hosts?: string[] | undefined
        connectionsMax?: number | undefined
        handshakeTimeoutMs?: number | undefined
      }[]
    | undefined
  frontEnds?: 'auto' | number | undefined
  store?:
    | {
        durability?: 'fsync' | 'os' | 'memory' | undefined
        jetstream?:
          | {
              servers?: string[] | undefined
              stream?: string | undefined
              replicas?: number | undefined
              syncsAlways?: boolean | undefined
              user?: string | undefined
              passwordFile?: string | undefined
              credentialsFile?: string | undefined
              tls?:
                | {
                    caFile?: string | undefined
                    certFile?: string | undefined
                    keyFile?: string | undefined
                  }
                | undefined
              bytesMax?: number | string | undefined
              cacheBytes?: number | string | undefined
              waitSeconds?: number | undefined
            }
          | undefined
        directory?: string | undefined
        reserveBytes?: number | string | undefined
        segmentBytes?: number | string | undefined
        checkpointBytes?: number | string | undefined
      }
    | undefined
  access?:
    | {
        usersFile?: string | undefined
        users?: Record<string, string> | undefined
        rulesFile?: string | undefined
        rules?: string | undefined
        dynamicSecurityFile?: string | undefined
        certificates?:
          | {
              user?: 'commonName' | 'subjectAltName' | undefined
              fingerprints?: string[] | undefined
              fingerprintsFile?: string | undefined
            }
          | undefined
        psk?:
          | {
              user: 'identity'
            }
          | undefined
        jwt?:
          | {
              jwksFile?: string | undefined
              jwksUrl?: string | undefined
              caFile?: string | undefined
              keyFile?: string | undefined
              secretFile?: string | undefined
              algorithms?:
                | (
                    | 'RS256'
                    | 'RS384'
                    | 'RS512'
                    | 'PS256'
                    | 'PS384'
                    | 'PS512'
                    | 'ES256'
                    | 'ES384'
                    | 'ES512'
                    | 'EdDSA'
                    | 'Ed25519'
                    | 'HS256'
                    | 'HS384'
                    | 'HS512'
                  )[]
                | undefined
              issuer?: string | undefined
              audience?: string | undefined
              userClaim?: string | undefined
              clientIdClaim?: string | undefined
              rulesClaim?: string | undefined
              clockSkewSeconds?: number | undefined
              refreshSeconds?: number | undefined
              keysValidSeconds?: number | undefined
            }
          | undefined
        http?:
          | {
              url: string
              caFile?: string | undefined
              tokenFile?: string | undefined
              timeoutMs?: number | undefined
              cacheSeconds?: number | undefined
              requestsMax?: number | undefined
              requestsQueuedMax?: number | undefined
            }
          | undefined
        tokens?:
          | {
              validSeconds?: number | undefined
              users?: string[] | undefined
            }
          | undefined
        order?:
          ('certificates' | 'psk' | 'tokens' | 'jwt' | 'users' | 'http' | 'code')[] | undefined
        checkRetainSource?: boolean | undefined
        clientIdPattern?: string | undefined
        anonymous?: 'never' | 'loopback' | 'everywhere' | undefined
      }
    | undefined
  limits?:
    | {
        packetBytesMax?: number | string | undefined
        connectPacketBytesMax?: number | string | undefined
        connectTimeoutSeconds?: number | undefined
        authenticationStepsMax?: number | undefined
        strangerBytesMax?: number | string | undefined
        strangersPerAddressMax?: number | undefined
        clientIdBytesMax?: number | string | undefined
        topicLevelsMax?: number | undefined
        userPropertiesMax?: number | undefined
        topicAliasMax?: number | undefined
        topicAliasBytesMax?: number | string | undefined
        outgoingTopicAliasMax?: number | undefined
        receiveMax?: number | undefined
        receiveToleratedMax?: number | undefined
        inFlightMax?: number | undefined
        inFlightBytesMax?: number | string | undefined
        queuedMessagesMax?: number | undefined
        queuedBytesMax?: number | string | undefined
        queuedBytesPerUserMax?: number | string | undefined
        queuedInMemoryMax?: number | undefined
        queuedInMemoryBytesMax?: number | string | undefined
        queueOverflow?: 'drop-newest' | 'drop-oldest' | 'refuse' | undefined
        queueQoS0WhileAway?: boolean | undefined
        sessionExpirySecondsMax?: number | undefined
        keepAliveSecondsMax?: number | undefined
        subscriptionsPerClientMax?: number | undefined
        subscriptionsPerUserMax?: number | undefined
        conflatedTopicsMax?: number | undefined
        conflatedBytesMax?: number | string | undefined
        expressionsPerClientMax?: number | undefined
        expressionsMax?: number | undefined
        delayedMessagesMax?: number | undefined
        delayedMessagesPerClientMax?: number | undefined
        delayedMessagesPerUserMax?: number | undefined
        delayedBytesMax?: number | string | undefined
        delayedBytesPerUserMax?: number | string | undefined
        delayedSecondsMax?: number | undefined
        transactionMessagesMax?: number | undefined
        transactionBytesMax?: number | string | undefined
        transactionsBytesMax?: number | string | undefined
        transactionsBytesPerUserMax?: number | string | undefined
        transactionsPerClientMax?: number | undefined
        transactionSecondsMax?: number | undefined
        transactionAskAfterSeconds?: number | undefined
        transactionDecideWithinSeconds?: number | undefined
        transactionDeliveriesMax?: number | undefined
        transactionNamesPerClientMax?: number | undefined
        transactionNamesPerUserMax?: number | undefined
        transactionNamesMax?: number | undefined
        transactionNamesKeptSeconds?: number | undefined
        dedupeSeconds?: number | undefined
        dedupePerClientMax?: number | undefined
        dedupePerUserMax?: number | undefined
        dedupeMax?: number | undefined
        dedupeIdBytesMax?: number | string | undefined
        namedQueuesMax?: number | undefined
        namedQueuesPerUserMax?: number | undefined
        filterShapesMax?: number | undefined
        filterShapesPerClientMax?: number | undefined
        shareGroupsPerTopicMax?: number | undefined
        retainedMessagesMax?: number | undefined
        retainedBytesMax?: number | string | undefined
        retainedMessagesPerUserMax?: number | undefined
        retainedBytesPerUserMax?: number | string | undefined
        sessionsPerUserMax?: number | undefined
        sessionsMax?: number | undefined
        keptHeapBytesMax?: number | string | undefined
        keptBufferBytesMax?: number | string | undefined
        connectionsMax?: number | undefined
        connectionsPerUserMax?: number | undefined
        connectionsPerAddressMax?: number | undefined
        connectionsPerSecondMax?: number | undefined
        connectionsPerSecondPerAddressMax?: number | undefined
        connectsPerSecondMax?: number | undefined
        takeoversPerMinuteMax?: number | undefined
        takeoverDelaySecondsMax?: number | undefined
        clientIdInUse?: 'take-over' | 'refuse' | undefined
        messagesPerSecondMax?: number | undefined
        bytesPerSecondMax?: number | string | undefined
        messagesPerSecondPerUserMax?: number | undefined
        bytesPerSecondPerUserMax?: number | string | undefined
        slowedSecondsMax?: number | undefined
        outgoingMessagesPerSecondMax?: number | undefined
        outgoingBytesPerSecondMax?: number | string | undefined
        outgoingMessagesPerSecondPerUserMax?: number | undefined
        outgoingBytesPerSecondPerUserMax?: number | string | undefined
        controlBytesMax?: number | string | undefined
        controlWaitingMax?: number | undefined
        dynamicSecurityNamesMax?: number | undefined
        outboxBytesMax?: number | string | undefined
        stalledSecondsMax?: number | undefined
        turnWorkMax?: number | undefined
        turnWorkTotalMax?: number | undefined
        publishBacklogBytesMax?: number | string | undefined
      }
    | undefined
  overload?:
    | {
        enabled?: boolean | undefined
        level1?:
          | {
              loopDelayMs?: number | undefined
              commitAgeMs?: number | undefined
              memoryPercent?: number | undefined
            }
          | undefined
        level2?:
          | {
              loopDelayMs?: number | undefined
              commitAgeMs?: number | undefined
              memoryPercent?: number | undefined
              diskFreePercent?: number | undefined
              diskFreeBytes?: number | string | undefined
            }
          | undefined
        level3?:
          | {
              loopDelayMs?: number | undefined
              commitAgeMs?: number | undefined
              memoryPercent?: number | undefined
              diskFreePercent?: number | undefined
              diskFreeBytes?: number | string | undefined
            }
          | undefined
      }
    | undefined
  share?:
    | {
        strategy?:
          | 'round-robin'
          | 'random'
          | 'weighted'
          | 'sticky'
          | 'hash-client'
          | 'hash-topic'
          | 'least-in-flight'
          | undefined
        groups?:
          | Record<
              string,
              {
                strategy?:
                  | 'round-robin'
                  | 'random'
                  | 'weighted'
                  | 'sticky'
                  | 'hash-client'
                  | 'hash-topic'
                  | 'least-in-flight'
                  | undefined
                weights?: Record<string, number> | undefined
              }
            >
          | undefined
        queuedMessagesMax?: number | undefined
        queueOverflow?: 'drop-newest' | 'drop-oldest' | 'refuse' | undefined
        queuedBytesMax?: number | string | undefined
      }
    | undefined
  subscriptions?:
    | {
        filterInTopic?: boolean | undefined
        payloadFilters?: boolean | undefined
        conflate?:
          | {
              filter?: string | undefined
              users?: string[] | undefined
              milliseconds?: number | undefined
            }[]
          | undefined
      }
    | undefined
  queues?:
    | {
        create?: 'subscribers' | 'operators' | undefined
        created?:
          | {
              messagesMax?: number | undefined
              bytesMax?: number | string | undefined
            }
          | undefined
        named?:
          | Record<
              string,
              {
                filters?: string[] | undefined
                where?: string | undefined
                order?: 'parallel' | 'fifo' | 'keyed' | undefined
                key?: string | undefined
                latestByKey?: boolean | undefined
                strategy?:
                  | 'round-robin'
                  | 'random'
                  | 'weighted'
                  | 'sticky'
                  | 'hash-client'
                  | 'hash-topic'
                  | 'least-in-flight'
                  | undefined
                messagesMax?: number | undefined
                bytesMax?: number | string | undefined
                overflow?: 'drop-oldest' | 'refuse' | undefined
                qos0?: 'keep' | 'pass-by' | undefined
                messageExpirySeconds?: number | undefined
                ackDeadlineSeconds?: number | undefined
                deliveriesMax?: number | undefined
                retryDelaySeconds?: number | undefined
                retryDelaySecondsMax?: number | undefined
                deadLetter?: string | undefined
                idleExpirySeconds?: number | undefined
              }
            >
          | undefined
      }
    | undefined
  responseInformation?: string | null | undefined
  dashboard?:
    | {
        enabled?: boolean | undefined
        hosts?: string[] | undefined
        plain?: boolean | undefined
        viewersSeePayloads?: boolean | undefined
      }
    | undefined
  log?:
    | {
        level?: 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined
        format?: 'auto' | 'json' | 'pretty' | undefined
        bufferBytesMax?: number | string | undefined
        repeatsMax?: number | undefined
        addressLinesMax?: number | undefined
        eventLinesMax?: number | undefined
      }
    | undefined
  bridges?:
    | Record<
        string,
        {
          addresses: string[]
          tls?:
            | {
                caFile?: string | undefined
                certFile?: string | undefined
                keyFile?: string | undefined
                alpn?: string | undefined
                serverName?: string | undefined
              }
            | undefined
          protocol?: '5' | '3.1.1' | undefined
          clientId?: string | undefined
          username?: string | undefined
          password?: string | undefined
          passwordFile?: string | undefined
          keepAliveSeconds?: number | undefined
          cleanStart?: boolean | undefined
          bridgeBit?: boolean | undefined
          retain?: boolean | undefined
          topics: {
            filter?: string | undefined
            direction?: 'out' | 'in' | 'both' | undefined
            qos?: number | undefined
            localPrefix?: string | undefined
            remotePrefix?: string | undefined
          }[]
          notifications?: 'both' | 'local' | 'none' | undefined
          notificationTopic?: string | undefined
          loopProtection?: boolean | undefined
          restartSecondsMin?: number | undefined
          restartSecondsMax?: number | undefined
        }
      >
    | undefined
  observe?:
    | {
        timelineBytes?: number | string | undefined
      }
    | undefined
  metrics?:
    | {
        compat?: ('mosquitto' | 'emqx')[] | undefined
      }
    | undefined
  shutdown?:
    | {
        drainSeconds?: number | undefined
        disconnectsPerSecond?: number | undefined
        serverReference?: string | undefined
      }
    | undefined
}

export interface ListenerConfig {
  protocol: 'mqtt' | 'ws'
  host: string
  port?: number | undefined
  path?: string | undefined
  tls?:
    | {
        certFile?: string | undefined
        keyFile?: string | undefined
        caFile?: string | undefined
        requestCertificate?: boolean | undefined
        requireCertificate?: boolean | undefined
        crlFile?: string | undefined
        pskFile?: string | undefined
        pskHint?: string | undefined
        minVersion: 'TLSv1.2' | 'TLSv1.3'
        ciphers?: string | undefined
        sni?:
          | Record<
              string,
              {
                certFile: string
                keyFile: string
              }
            >
          | undefined
      }
    | undefined
  plaintext: boolean
  requireUser: boolean
  access?:
    | {
        usersFile?: string | undefined
        rulesFile?: string | undefined
        dynamicSecurityFile?: string | undefined
        anonymous?: 'never' | 'loopback' | 'everywhere' | undefined
      }
    | undefined
  mountPoint?: string | undefined
  qosMax: 0 | 1 | 2
  usernameIsClientId: boolean
  proxyProtocol: boolean
  proxyTrusted?: string[] | undefined
  origins?: string[] | undefined
  hosts?: string[] | undefined
  connectionsMax: number
  handshakeTimeoutMs: number
}
