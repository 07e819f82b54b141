/** `@peculiar/x509`, which needs another package to be there first. */
// oxlint-disable-next-line import/no-unassigned-import -- this is what it needs
import 'reflect-metadata';
export * from '@peculiar/x509';
