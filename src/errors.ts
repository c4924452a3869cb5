/**
 * An error that its reader can mend: bad configuration, data, checkpoint, command line or request.
 * The message is one clear sentence that names the file, line, column or key and what was expected;
 * the command line prints it without a stack trace and exits with a non-zero status.
 */
export class UserError extends Error {
  override name = 'UserError';
}
