// The generated client, with `pg` in place of an engine.

import { PrismaPg } from "@prisma/adapter-pg";

import generated from "../generated/index.js";

/** Connects a client to the database at an address. */
export const connect = (connectionString) =>
  new generated.PrismaClient({ adapter: new PrismaPg({ connectionString, max: 5 }) });

/** The server's own client. */
export const prisma = process.env.DATABASE_URL && connect(process.env.DATABASE_URL);
