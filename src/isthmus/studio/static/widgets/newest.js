/**
 * Ask for the newest only: one question is under way, and of those that come meanwhile the last is kept.
 * @param {(what: any) => Promise<any>} ask
 * @param {(answer: any, what: any) => void} answered
 * @param {(error: Error) => void} failed
 * @returns {(what: any) => void}
 */
export function newest(ask, answered, failed = () => {}) {
  let busy = false;
  let waiting = null;
  const next = async (what) => {
    busy = true;
    try {
      answered(await ask(what), what);
    } catch (error) {
      if (error.name !== "AbortError") failed(error);
    }
    busy = false;
    if (waiting) {
      const [one] = waiting;
      waiting = null;
      next(one);
    }
  };
  return (what) => {
    if (busy) waiting = [what];
    else next(what);
  };
}
