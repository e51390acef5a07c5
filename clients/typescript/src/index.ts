// Gamut for TypeScript: openapi-fetch, typed from the gateway's OpenAPI document, and the few steps that are
// more than one call (upload a file, wait for a job).

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./gateway.js";

export type Gamut = Client<paths>;
type Schemas = components["schemas"];
export type Job = Schemas["Job"];
export type Problem = Schemas["Problem"];

/** The suite answered with a problem: what is wrong, where, and what to do. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    const places = (problem.errors ?? []).map((error) => `\n  ${error.pointer}: ${error.detail}`);
    super(problem.detail + places.join(""));
  }
}

/** A client of the gateway at `url`, with an API key where the gateway asks for one. */
export function connect(url: string, key?: string): Gamut {
  return createClient<paths>({ baseUrl: url, ...(key ? { headers: { Authorization: `Bearer ${key}` } } : {}) });
}

/** What was answered; throws `Refused` for a problem. */
export function answered<T>(result: { data?: T; error?: Problem }): T {
  if (result.error !== undefined) throw new Refused(result.error);
  if (result.data === undefined) throw new Error("an answer with no content");
  return result.data;
}

/** The job when it has ended. `told` hears of it about once a second meanwhile. */
export async function ended(gamut: Gamut, job: Job, told: (job: Job) => void = () => {}): Promise<Job> {
  while (["queued", "running", "cancelling"].includes(job.state)) {
    const path = { job_id: job.id };
    job = answered(await gamut.GET("/v1/jobs/{job_id}/wait", { params: { path, query: { timeout: 1 } } }));
    told(job);
  }
  return job;
}

/** The artifact that a job made; throws when it did not succeed. */
export async function made(gamut: Gamut, job: Job, told?: (job: Job) => void): Promise<string> {
  const last = await ended(gamut, job, told);
  if (last.state !== "succeeded" || !last.artifact) {
    throw last.error ? new Refused(last.error) : new Error(`job ${last.id} ended ${last.state}`);
  }
  return last.artifact;
}

/** The dataset that rows make. The bytes go to the object store itself; the same rows again cost nothing. */
export async function upload(gamut: Gamut, rows: Uint8Array<ArrayBuffer>, kind: Schemas["DatasetKind"]): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", rows));
  const sha256 = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const file = { sha256, bytes: rows.length, format: "jsonl" as const };
  const ticket = answered(await gamut.POST("/v1/datasets", { body: { kind, file, columns: {} } }));
  for (const part of ticket.uploads.flatMap((target) => target.parts)) {
    const put = await fetch(part.url, { method: "PUT", body: rows.subarray(part.offset, part.offset + part.bytes) });
    if (!put.ok) throw new Error(`the object store answered ${put.status}`);
  }
  const path = { upload: ticket.id };
  const job = ticket.job ?? answered(await gamut.POST("/v1/datasets/{upload}/complete", { params: { path } }));
  return made(gamut, job);
}
