// What a user would write: rows in, their diversity out.   node build/study.js ROWS.jsonl
//   GAMUT_URL   the gateway, http://127.0.0.1:8000
//   GAMUT_KEY   an API key, where the gateway asks for one

import { readFile } from "node:fs/promises";
import { answered, connect, made, upload } from "./index.js";

const gamut = connect(process.env.GAMUT_URL ?? "http://127.0.0.1:8000", process.env.GAMUT_KEY);
const dataset = await upload(gamut, new Uint8Array(await readFile(process.argv[2] ?? "rows.jsonl")), "completion");
const job = answered(await gamut.POST("/v1/measurements", { body: { dataset } }));
const measurement = await made(gamut, job, ({ state, progress }) => {
  process.stderr.write(`\r${state} ${progress?.done ?? 0}/${progress?.total ?? "?"} ${progress?.unit ?? ""}   `);
});
const path = { artifact: measurement };
const { summary } = answered(await gamut.GET("/v1/artifacts/{artifact}", { params: { path } }));
console.log(JSON.stringify({ dataset, measurement, summary }, null, 1));
