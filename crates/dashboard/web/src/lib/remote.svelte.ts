import { problemFrom } from './api';
import type { Problem } from './types';

/** Something that comes from the service: on its way, here, or refused. A later load overtakes an earlier one. */
export class Remote<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  loading = $state(false);
  private running: AbortController | null = null;
  private again: (() => Promise<void>) | null = null;

  async load(read: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.running?.abort();
    const controller = new AbortController();
    this.running = controller;
    this.again = () => this.load(read);
    this.loading = true;
    this.problem = null;
    try {
      const value = await read(controller.signal);
      if (this.running === controller) this.value = value;
    } catch (error) {
      const problem = problemFrom(error);
      if (this.running === controller && problem) {
        this.value = null;
        this.problem = problem;
      }
    } finally {
      if (this.running === controller) this.loading = false;
    }
  }

  retry = (): void => void this.again?.();
}
