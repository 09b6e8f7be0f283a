// SPDX-License-Identifier: Apache-2.0

// Reads lines of two base64 texts, a resource of R4 in JSON and the same in XML,
// and writes one line for each: what is wrong with them, or nothing. The library
// writes elements in the order of FHIR's schemas, and those that it knows, so
// that XML which it reads and writes as it was is in that order and has no others.
const { isDeepStrictEqual } = require('util');
const { Fhir } = require('fhir/fhir');
const fhir = new Fhir();
const text = (line) => Buffer.from(line, 'base64').toString('utf8');
// Empty tags in both ways, and no white space between attributes and their end.
const plain = (xml) => xml.replace(/^<\?xml[^>]*\?>\s*/, '').replace(/><\/[A-Za-z]+>/g, '/>').replace(/&#x([0-9A-Fa-f]+);|&#([0-9]+);/g,
  (_, hex, decimal) => String.fromCodePoint(hex ? parseInt(hex, 16) : parseInt(decimal, 10)));

for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const faults = [];
  try {
    const [json, xml] = line.split(' ').map(text);
    const resource = JSON.parse(json);
    const read = fhir.xmlToObj(xml);
    for (const [what, r] of [['JSON', resource], ['XML', xml]]) {
      for (const m of fhir.validate(r, { errorOnUnexpected: true }).messages) {
        if (m.severity === 'error' || m.severity === 'fatal') faults.push(`${what}: ${m.location} ${m.message}`);
      }
    }
    if (!isDeepStrictEqual(read, resource)) faults.push(`XML says ${JSON.stringify(read)}`);
    const written = plain(fhir.objToXml(read));
    if (written !== plain(xml)) faults.push(`XML is written ${written}`);
  } catch (e) {
    faults.push(String(e));
  }
  console.log(JSON.stringify(faults.join('; ')));
}
