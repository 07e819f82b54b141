import { z } from 'zod';

/*
 * Values end up inside FreeRADIUS' configuration, where `$`, `%`, quotes and backslashes mean something. They are kept
 * out here, so that what is written never needs escaping: what would have to be escaped is refused with its line.
 */
export const path = z.string().regex(/^[A-Za-z0-9_./@:+-]{1,400}$/, {
  message: 'has to be a path of letters, digits and . _ / @ : + -',
});
export const word = z.string().regex(/^[A-Za-z0-9_.:/@+-]{1,200}$/, {
  message: 'has to be a word of letters, digits and . _ : / @ + -',
});
export const sentence = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= 253, { message: 'has to fit into 253 bytes' })
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  .refine((text) => !/[\u0000-\u001f\u007f"\\$%`{}]/.test(text), {
    message: 'has to be one line without " \\ $ % ` { }',
  });
export const port = z.number().int().min(1).max(65_535);
export const address = z.union([z.ipv4(), z.ipv6()], { message: 'has to be an IP address' });
export const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  message: 'has to be an address or a network such as 192.0.2.0/24',
});
