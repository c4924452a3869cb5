import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { TrainedModel } from '../../src/train/trained-model.js';
import { stubClassifier, stubLanguageModel } from '../commands/stub.js';
import { useServer } from './serving.js';

const serve = useServer();

/** The validator that the server has, of the dialect that OpenAPI 3.1 is written in. */
const fromCompiler = createRequire(createRequire(import.meta.url).resolve('@fastify/ajv-compiler'));
const { Ajv2020 } = fromCompiler('ajv/dist/2020.js') as {
  Ajv2020: new (options: object) => { compile: (schema: object) => (value: unknown) => boolean };
};

interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: object; securitySchemes?: object };
}

interface Operation {
  operationId: string;
  summary: string;
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
  security?: object[];
}

async function documentOf(model: TrainedModel, token: string | null = null): Promise<Document> {
  const { get } = await serve(model, { access: { token } });
  const answer = await get('/openapi.json', { authorization: `Bearer ${token}` });
  return (await answer.json()) as Document;
}

function modelOf(task: string, data = 'train: a.csv'): TrainedModel {
  return { ...stubClassifier(), config: parseConfig(`task: ${task}\ndata: { ${data} }`, 'x.yaml') };
}

const models = {
  classify: stubClassifier(),
  'language-model': stubLanguageModel(),
  'multi-label': modelOf('multi-label'),
  regress: modelOf('regress'),
  tag: modelOf('tag', 'train: a.conll'),
  translate: modelOf('translate', 'train: { source: a, target: b }'),
};

describe.each(Object.entries(models))('the OpenAPI document of %s', (_, model) => {
  let document: Document;
  beforeAll(async () => {
    document = await documentOf(model);
  });

  it('has the form of OpenAPI 3.1', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+$/);
    const operations = Object.values(document.paths).flatMap((each) => Object.values(each));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { responses } of operations) {
      expect(Object.keys(responses)).toContain('200');
      for (const { description } of Object.values(responses)) expect(description).not.toBe('');
    }
  });

  it('has schemas of JSON Schema 2020-12, every one', () => {
    const ajv = new Ajv2020({ strict: true, strictRequired: true });
    const schemas = Object.values(document.paths)
      .flatMap((each) => Object.values(each))
      .flatMap(({ requestBody, responses }) => [
        ...(requestBody ? [requestBody] : []),
        ...Object.values(responses),
      ])
      .flatMap(({ content }) => Object.values(content));
    expect(schemas.length).toBeGreaterThan(5);
    for (const { schema } of schemas) {
      if (!('$ref' in schema)) expect(() => ajv.compile(schema)).not.toThrow();
    }
  });
});

describe('the OpenAPI document', () => {
  it('describes the answers as they are', async () => {
    const { get, post } = await serve(stubClassifier());
    const { paths } = (await (await get('/openapi.json')).json()) as Document;
    const schema =
      paths['/predict']!['post']!.responses['200']!.content['application/json']!.schema;
    const validate = new Ajv2020({ strict: true }).compile(schema);
    const answer: unknown = await (await post('/predict', { texts: ['a', 'money'] })).json();
    expect(validate(answer)).toBe(true);
    expect(validate({ predictions: [{ label: 1 }], checkpoint: 'x' })).toBe(false);
  });

  it('asks for a token where the server does', async () => {
    const { paths, components } = await documentOf(stubClassifier(), 'a-long-enough-token');
    expect(components.securitySchemes).toEqual({ token: { type: 'http', scheme: 'bearer' } });
    expect(paths['/predict']!['post']!.security).toEqual([{ token: [] }]);
    expect(paths['/healthz']!['get']!.security).toBeUndefined();
  });
});
