/** How fast a run goes by the times in its log: over the last seconds, and since it was last started. */
export class RunPace {
  /** For which it has run, all starts together, in seconds. */
  seconds = 0;
  #before: number | undefined;
  /** `seconds` at the last line that tells of work. */
  #worked = 0;
  #start: { seconds: number; step: number } | undefined;
  #step = 0;
  #tokens = 0;
  /** Where it stood some seconds ago, oldest first. */
  #marks: { seconds: number; tokens: number }[] = [];

  /**
   * @param time of any line, in milliseconds
   * @param isWork whether the run has worked until then; else it may be about to start
   */
  note(time: number, isWork: boolean): void {
    if (this.#before !== undefined && time > this.#before) {
      this.seconds += (time - this.#before) / 1000;
    }
    this.#before = time;
    if (isWork) this.#worked = this.seconds;
  }

  /** The run was started or resumed: what lies before is no time of work. */
  begin(time: number, fromStep: number): void {
    this.#before = time;
    this.seconds = this.#worked;
    this.#start = { seconds: this.seconds, step: fromStep };
    this.#step = fromStep;
    this.#marks = [{ seconds: this.seconds, tokens: this.#tokens }];
  }

  addStep(step: number, tokens: number): void {
    this.#step = step;
    this.#tokens += tokens;
    const newest = this.#marks.at(-1);
    if (newest !== undefined && this.seconds - newest.seconds < MARK_SECONDS) return;
    this.#marks.push({ seconds: this.seconds, tokens: this.#tokens });
    if (this.#marks.length > MOST_MARKS) this.#marks.shift();
  }

  get tokensPerSecond(): number | undefined {
    const oldest = this.#marks[0];
    if (oldest === undefined || this.seconds <= oldest.seconds) return undefined;
    return (this.#tokens - oldest.tokens) / (this.seconds - oldest.seconds);
  }

  secondsLeft(totalSteps: number): number | undefined {
    if (this.#start === undefined || this.#step <= this.#start.step) return undefined;
    const seconds = this.seconds - this.#start.seconds;
    return (seconds / (this.#step - this.#start.step)) * Math.max(0, totalSteps - this.#step);
  }
}

const MARK_SECONDS = 1;
const MOST_MARKS = 11;
