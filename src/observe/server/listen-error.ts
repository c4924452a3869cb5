/** Why an address cannot be listened on, as one sentence. @param keys how host and port are given */
export function describeListenError(
  code: string,
  host: string,
  port: number,
  keys: { host: string; port: string },
): string {
  switch (code) {
    case 'EADDRINUSE':
      return `${keys.port}: port ${port} of ${host} is in use; choose another (0 picks a free one)`;
    case 'EACCES':
      return `${keys.port}: this user may not listen on port ${port}; choose one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${keys.host}: expected an address of this machine, got ${JSON.stringify(host)}`;
    default:
      return `cannot listen on ${host}, port ${port} (${code})`;
  }
}
