// What the Hub's own client for JavaScript makes of repos: `node load.mjs FOLDER CASE=REPO ...` prints one JSON object,
// CASE -> what came of it. FOLDER is where @huggingface/hub is installed.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, ...words] = process.argv.slice(2);
const { listFiles, downloadFile } = await import(
  pathToFileURL(createRequire(`${folder}/package.json`).resolve("@huggingface/hub")).href
);
const hubUrl = process.env.HF_ENDPOINT;

const cases = {
  async names(repo) {
    const names = [];
    for await (const file of listFiles({ repo, hubUrl, recursive: true })) {
      if (file.type === "file") names.push(file.path);
    }
    return names.sort();
  },
  async bytes(repo, path) {
    const file = await downloadFile({ repo, path, hubUrl });
    return file === null ? "no such file" : (await file.arrayBuffer()).byteLength;
  },
};

const found = {};
for (const word of words) {
  const [name, repo, path] = word.split("=");
  try {
    found[word] = await cases[name](repo, path);
  } catch (error) {
    found[word] = `${error.name}: ${error.message}`;
  }
}
console.log(JSON.stringify(found));
