/**
 * An error that its reader can mend: bad configuration, data, checkpoint, command line or request.
 * The message is one clear sentence that names the file, line, column or key and what was expected,
 * or one for each of several problems; the command line prints each as one line, without a stack trace, and exits with
 * a non-zero status.
 */
export class UserError extends Error {
  override name = 'UserError';
  /** The sentences: names in them may have line feeds of their own. */
  readonly sentences: readonly string[];

  constructor(message: string | readonly string[], options?: ErrorOptions) {
    const sentences = typeof message === 'string' ? [message] : message;
    super(sentences.join('\n'), options);
    this.sentences = sentences;
  }
}
