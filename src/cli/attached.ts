/** Ends this process in good order when the one that started it with a channel is gone, however that ended. */
export function endWithParent(): void {
  if (!process.connected) return;
  process.channel?.unref();
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
