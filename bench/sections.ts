/** The sections by name. */
import type { SectionName } from './bars.ts';
import { clientCpu } from './client-cpu.ts';
import { manyHeaders, oneLine } from './hits.ts';
import { lanSection } from './lan/lan-section.ts';
import { twoHostsSection } from './lan/two-hosts-section.ts';
import { re2 } from './re2.ts';
import { redis } from './redis.ts';
import { simulateSection } from './simulate/section.ts';
import type { Section } from './stage.ts';

export const SECTION_WORK: Readonly<Record<SectionName, Section>> = {
  'many-headers': manyHeaders,
  'one-line': oneLine,
  redis,
  re2,
  'client-cpu': clientCpu,
  'two-hosts': twoHostsSection,
  lan: lanSection,
  simulate: simulateSection,
};
