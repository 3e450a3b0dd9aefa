/** The agent of the benchmark: answers each chat.request after `DELAY_MS`, and nothing else. Same for both sides. */
import { createServer } from 'node:http';

const delayMs = Number(process.env.DELAY_MS);

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { type, session_id, message } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, string>;
    const isChat = type === 'chat.request';
    const answer = JSON.stringify(
      isChat
        ? { type: 'chat.response', session_id, message: `echo: ${message}` }
        : { type: 'error', session_id, error: { code: 'unsupported' } },
    );
    setTimeout(
      () =>
        response
          .writeHead(isChat ? 200 : 400, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
          .end(answer),
      delayMs,
    );
  });
})
  .listen(Number(process.env.PORT), '127.0.0.1')
  .setTimeout(0).keepAliveTimeout = 120_000;
