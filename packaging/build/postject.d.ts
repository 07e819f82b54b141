declare module 'postject' {
  /** Puts data into an executable file as a resource that the program finds by name. */
  export function inject(
    file: string,
    resource: string,
    data: Buffer,
    options: { sentinelFuse: string; machoSegmentName?: string },
  ): Promise<void>;
}
