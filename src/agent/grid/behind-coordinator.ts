import type { Grid, GridAnswer, GridAsked, Shipment } from './grid.ts';
import { lookupGate } from './lookup-gate.ts';

/**
 * A storage behind a coordinator. Who asks for stored results alone asks one after the other. For a compile the
 * coordinator's own results come first, then the storage's, and a worker only after both; in vain questions to the
 * storage grow rare.
 */
export function behindCoordinator(coordinator: Grid, storage: Grid): Grid {
  const gate = lookupGate();
  const inStorage = async (shipment: Shipment, asked: GridAsked): Promise<GridAnswer> => {
    const answer = await storage.compile(shipment, { ...asked, storedOnly: true });
    if (answer.kind === 'result') gate.found();
    else gate.missed();
    return answer;
  };
  const afterCoordinator = async (shipment: Shipment, asked: GridAsked): Promise<GridAnswer> => {
    const first = await coordinator.compile(shipment, { ...asked, storedOnly: true });
    if (first.kind === 'result' || asked.signal.aborted) return first;
    const second = await inStorage(shipment, asked);
    return second.kind === 'result' ? second : first;
  };
  return {
    compiles: true,
    isWorthAsking: () => true,
    async compile(shipment, asked) {
      if (asked.ignoreStored || !storage.isWorthAsking()) return coordinator.compile(shipment, asked);
      if (asked.storedOnly) return afterCoordinator(shipment, asked);
      if (!gate.isOpen()) return coordinator.compile(shipment, asked);
      const stored = await afterCoordinator(shipment, asked);
      const isThere = stored.kind === 'result' || stored.reason !== 'unreachable';
      return stored.kind === 'result' || !isThere ? stored : coordinator.compile(shipment, asked);
    },
    fetch: (digest, size) => coordinator.fetch(digest, size),
    report: (action, result, contentOf) => coordinator.report(action, result, contentOf),
    reportMismatch: (wrong) => coordinator.reportMismatch(wrong),
    capacity: () => coordinator.capacity(),
    // Each is closed by who opened it.
    close: () => {},
  };
}
