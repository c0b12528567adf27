// Holds one conversation with tools through the official JavaScript SDKs, and prints what it heard.
//
//   node js_sdks.mjs FOLDER < question.json > turns.json
//
// FOLDER has the SDKs in node_modules. The question: {base, token, model, prompt, dialect, streamed}.
// The turns: [{text, calls: [arguments…], stop, thought, usage}], as the SDK's own objects say.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/package.json`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const question = JSON.parse(readFileSync(0, 'utf8'));
const { base, token, model, prompt, streamed } = question;

const MOST_TURNS = 8;
const NAME = 'get_weather';
const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, note: { type: 'string' } },
  required: ['city'],
};
const sunny = (given) => `sunny in ${given.city}`;

async function* messages() {
  const client = new (await load('@anthropic-ai/sdk'))({ baseURL: base, apiKey: token, maxRetries: 0 });
  const history = [{ role: 'user', content: prompt }];
  const tools = [{ name: NAME, description: 'the weather', input_schema: schema }];
  for (;;) {
    const asked = { model, max_tokens: 4000, messages: history, tools };
    const answer = streamed
      ? await client.messages.stream(asked).finalMessage()
      : await client.messages.create(asked);
    const of = (type) => answer.content.filter((block) => block.type === type);
    const calls = of('tool_use');
    yield {
      text: of('text').map((block) => block.text).join(''),
      thought: of('thinking').map((block) => block.thinking).join(''),
      calls: calls.map((call) => call.input),
      stop: answer.stop_reason,
      usage: [answer.usage.input_tokens, answer.usage.output_tokens],
    };
    if (answer.stop_reason !== 'tool_use') return;
    history.push({ role: 'assistant', content: answer.content });
    history.push({
      role: 'user',
      content: calls.map((call) => ({
        type: 'tool_result',
        tool_use_id: call.id,
        content: sunny(call.input),
      })),
    });
  }
}

async function* chat() {
  const client = new (await load('openai'))({ baseURL: `${base}/v1`, apiKey: token, maxRetries: 0 });
  const history = [{ role: 'user', content: prompt }];
  const described = { name: NAME, description: 'the weather', parameters: schema };
  const tools = [{ type: 'function', function: described }];
  for (;;) {
    const asked = { model, messages: history, tools };
    // The SDK does not know the field, and of a stream's pieces it keeps the last one.
    const pieces = [];
    const answer = streamed
      ? await client.chat.completions
          .stream({ ...asked, stream_options: { include_usage: true } })
          .on('chunk', (chunk) => pieces.push(chunk.choices[0]?.delta.reasoning_content ?? ''))
          .finalChatCompletion()
      : await client.chat.completions.create(asked);
    const { message, finish_reason: stop } = answer.choices[0];
    const thought = streamed ? pieces.join('') : (message.reasoning_content ?? '');
    const calls = message.tool_calls ?? [];
    const given = calls.map((call) => JSON.parse(call.function.arguments));
    yield {
      text: message.content ?? '',
      thought,
      calls: given,
      stop,
      usage: answer.usage ? [answer.usage.prompt_tokens, answer.usage.completion_tokens] : null,
    };
    if (stop !== 'tool_calls') return;
    // As a program does that keeps what it was given, without what the SDK's helper added.
    history.push({
      role: 'assistant',
      content: message.content,
      reasoning_content: thought || undefined,
      tool_calls: calls.map(({ id, type, function: { name, arguments: text } }) => ({
        id,
        type,
        function: { name, arguments: text },
      })),
    });
    calls.forEach((call, index) =>
      history.push({ role: 'tool', tool_call_id: call.id, content: sunny(given[index]) }),
    );
  }
}

async function* responses() {
  const client = new (await load('openai'))({ baseURL: `${base}/v1`, apiKey: token, maxRetries: 0 });
  const history = [{ role: 'user', content: prompt }];
  const tools = [
    { type: 'function', name: NAME, description: 'the weather', parameters: schema, strict: false },
  ];
  for (;;) {
    const asked = {
      model,
      input: history,
      tools,
      store: false,
      include: ['reasoning.encrypted_content'],
      reasoning: { summary: 'auto' },
    };
    const answer = streamed
      ? await client.responses.stream(asked).finalResponse()
      : await client.responses.create(asked);
    const of = (type) => answer.output.filter((item) => item.type === type);
    const calls = of('function_call');
    const given = calls.map((call) => JSON.parse(call.arguments));
    yield {
      text: answer.output_text,
      thought: of('reasoning').flatMap((item) => item.summary.map((part) => part.text)).join('\n'),
      calls: given,
      stop: answer.status,
      usage: [answer.usage.input_tokens, answer.usage.output_tokens],
    };
    if (calls.length === 0) return;
    history.push(...answer.output.map(({ parsed_arguments, ...item }) => item));
    calls.forEach((call, index) =>
      history.push({ type: 'function_call_output', call_id: call.call_id, output: sunny(given[index]) }),
    );
  }
}

const turns = [];
for await (const turn of { anthropic: messages, chat, responses }[question.dialect]()) {
  turns.push(turn);
  if (turns.length > MOST_TURNS) throw new Error('the conversation does not end');
}
process.stdout.write(JSON.stringify(turns));
