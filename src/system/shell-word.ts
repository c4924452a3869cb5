/**
 * A word of a command line as it can be pasted into a shell, whatever characters are in it: of Windows into its command prompt and
 * PowerShell, where names have no quotation mark.
 */
export function shellWord(text: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') {
    return /^[\w@+=:./\\-]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;
  }
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
