import type { z } from 'zod';

/**
 * The library that schemas are made with. Kinds in registries are given it when somebody asks for their schema: threads that
 * compute never do, and loading it would take them as long as all the rest.
 */
export type Zod = typeof z;
