// SPDX-License-Identifier: Apache-2.0

// Reads lines of two base64 texts, a resource of STU3 in JSON and the same in XML,
// and writes one line for each: what is wrong with them, or nothing. What the
// elements of a type are, in which order, how many and of which types, is taken
// from the declarations that npm's fhir-stu3 was generated with from HL7's.
const { readFileSync } = require('fs');
const { isDeepStrictEqual } = require('util');
const { xml2js } = require('xml-js');
const text = (line) => Buffer.from(line, 'base64').toString('utf8');

// types maps an interface to its members, those that it inherits first.
const declared = readFileSync(require.resolve('fhir-stu3/lib/index.d.ts'), 'utf8').replace(/\/\*[^]*?\*\//g, '');
const own = {};
for (const [, name, parent, body] of declared.matchAll(/interface (\w+)(?: extends (\w+))? \{([^}]*)\}/g)) {
  own[name] = { parent, members: [...body.matchAll(/(\w+)(\??): (\w+)(\[\])?;/g)].filter(([, m]) => !/^_|^resourceType$|^fhir_comments$/.test(m))
    .map(([, name, optional, type, list]) => ({ name, type, required: !optional, list: !!list })) };
}
const members = (type) => (own[type] ? [...members(own[type].parent), ...own[type].members] : []);
const primitives = Object.fromEntries([...declared.matchAll(/type (\w+) = (string|number);/g)].map(([, name, kind]) => [name, kind]));
Object.assign(primitives, { string: 'string', boolean: 'boolean', number: 'number' });

const faults = [];
const fault = (path, what) => faults.push(`${path} ${what}`);

// read makes of an element of XML what JSON has for it.
function read(e, type, path, root) {
  const out = {};
  const all = members(type);
  const attributes = { ...e.attributes };
  delete attributes.xmlns;
  for (const name of Object.keys(attributes)) {
    if (!(name === 'id' && !root || name === 'url' && type === 'Extension')) fault(path, `has the attribute ${name}`);
    out[name] = attributes[name];
  }
  let last = -1;
  for (const c of e.elements || []) {
    const at = all.findIndex((m) => m.name === c.name);
    if (c.type !== 'element' || at < 0) { fault(path, `has ${c.name || c.type}`); continue; }
    const m = all[at];
    if (at < last || at === last && !m.list) fault(path, `has ${c.name} out of order, or twice`);
    last = at;
    let value, beside = null;
    if (type === 'Narrative' && m.name === 'div') {
      value = 'div';
    } else if (primitives[m.type]) {
      const { value: v, ...rest } = c.attributes || {};
      value = v === undefined ? null : primitives[m.type] === 'string' ? v : JSON.parse(v);
      if (Object.keys(rest).length || (c.elements || []).length) beside = read({ ...c, attributes: rest }, 'Element', `${path}.${m.name}`);
      if (value === null && beside === null) fault(path, `has an empty ${m.name}`);
    } else {
      value = read(c, m.type, `${path}.${m.name}`);
      if (!Object.keys(value).length) fault(path, `has an empty ${m.name}`);
    }
    for (const [name, v] of [[m.name, value], [`_${m.name}`, beside]]) {
      if (m.list) (out[name] = out[name] || []).push(v);
      else if (v !== null) out[name] = v;
    }
  }
  for (const m of all) {
    if (m.required && out[m.name] === undefined && out[`_${m.name}`] === undefined) fault(path, `lacks ${m.name}`);
    for (const name of [m.name, `_${m.name}`]) {
      if (Array.isArray(out[name]) && out[name].every((v) => v === null)) delete out[name];
    }
  }
  return out;
}

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  faults.length = 0;
  try {
    const [json, xml] = line.split(' ').map(text);
    const resource = JSON.parse(json);
    const [root, ...more] = xml2js(xml, { compact: false }).elements;
    if (more.length || root.name !== resource.resourceType || root.attributes.xmlns !== 'http://hl7.org/fhir') fault(root.name, 'is no such root');
    const got = { resourceType: root.name, ...read(root, root.name, root.name, true) };
    if (got.text && got.text.div) got.text.div = (xml.match(/<div[^]*<\/div>|<div[^>]*\/>/) || [])[0];
    if (!isDeepStrictEqual(got, resource)) fault('XML', `says ${JSON.stringify(got)}`);
  } catch (e) {
    fault('', String(e));
  }
  console.log(JSON.stringify(faults.join('; ')));
}
