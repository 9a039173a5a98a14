// The Node server, as it ran before the cut-over: Better Auth on `pg`, and the application's routes on Prisma.

// `pg` reads a `timestamp` as local time.
process.env.TZ = "UTC";

const { serve } = await import("./http.js");

const server = serve();
server.listen(Number(process.env.PORT), "127.0.0.1");
