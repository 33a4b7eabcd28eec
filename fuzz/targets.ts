// All targets, by name.

import { PacketTarget } from './packet/packet-target.ts'
import { aclKind } from './parsers/acl-kind.ts'
import { CONFIG_KIND } from './parsers/config-kind.ts'
import { EXPRESSION_KIND } from './parsers/expression-kind.ts'
import { FileTarget } from './parsers/file-target.ts'
import { JwtTarget } from './parsers/jwt-target.ts'
import { passwordKind } from './parsers/password-kind.ts'
import { linkKind } from './parsers/link-kind.ts'
import { partitionFrameKind } from './parsers/partition-frame-kind.ts'
import { pskKind } from './parsers/psk-kind.ts'
import { PROXY_KIND } from './parsers/proxy-kind.ts'
import { StoreTarget } from './parsers/store-target.ts'
import { UpgradeTarget } from './parsers/upgrade-target.ts'
import { SequenceTarget } from './sequences/sequence-target.ts'
import type { Target } from './target.ts'

export const TARGETS: Readonly<Record<string, () => Target>> = {
  packets: () => new PacketTarget(),
  acl: () => new FileTarget(aclKind()),
  passwords: () => new FileTarget(passwordKind()),
  psk: () => new FileTarget(pskKind()),
  jwt: () => new JwtTarget(),
  config: () => new FileTarget(CONFIG_KIND),
  expressions: () => new FileTarget(EXPRESSION_KIND),
  link: () => new FileTarget(linkKind()),
  partition: () => new FileTarget(partitionFrameKind()),
  proxy: () => new FileTarget(PROXY_KIND),
  store: () => new StoreTarget(),
  upgrade: () => new UpgradeTarget(),
  sequences: () => new SequenceTarget(),
}
