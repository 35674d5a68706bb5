import { packAddon, type AddonArchive } from '../../wiring/addon-archive.ts'
import type { RestApp } from './rest-app.ts'

/**
 * The add-on for Blender: a page that says how to install it, the archive, and the listing by which Blender 4.2 and
 * later installs and updates it. Open to everybody, as it holds no secret and Blender asks for it without a token.
 */
export function addAddonRoutes(app: RestApp): void {
  let packed: Promise<AddonArchive> | undefined
  const archive = () => (packed ??= packAddon())

  // Blender follows the address as it was pasted, and shows people the page of the same one.
  app.get('/addon', async (_request, reply) => reply.redirect('addon/', 302))
  app.get('/addon/', async (request, reply) => {
    const found = await archive()
    if (wantsPage(request.headers.accept)) return reply.type('text/html; charset=utf-8').send(page(found, request.host))
    return reply.header('cache-control', 'no-cache').send(listing(found))
  })
  app.get('/addon/index.json', async (_request, reply) =>
    reply.header('cache-control', 'no-cache').send(listing(await archive())),
  )
  app.get<{ Params: { name: string } }>('/addon/:name', async (request, reply) => {
    const { name, bytes } = await archive()
    if (request.params.name !== name) return reply.callNotFound()
    return reply
      .type('application/zip')
      .header('cache-control', 'no-cache')
      .header('content-disposition', `attachment; filename="${name}"`)
      .send(bytes)
  })
}

function wantsPage(accept: string | undefined): boolean {
  return accept?.includes('text/html') === true
}

/** Version 1 of the listing of an extension repository. */
function listing({ name, bytes, sha256, manifest }: AddonArchive): object {
  return {
    version: 'v1',
    blocklist: [],
    data: [{ ...manifest, archive_url: `./${name}`, archive_size: bytes.length, archive_hash: `sha256:${sha256}` }],
  }
}

/** For people who open the address in a browser. `host` is what they typed; only a plain one reaches the page. */
function page({ name, manifest }: AddonArchive, host: string): string {
  const address = /^[A-Za-z0-9.:[\]-]+$/.test(host) ? host : ''
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tilework for Blender</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42em; margin: 3em auto; padding: 0 1em }
  :root { color-scheme: light dark }
  code { background: #8882; padding: 0.1em 0.3em }
</style>
<h1>Tilework for Blender</h1>
<p>Version ${String(manifest['version'])}. Render on this farm from inside Blender, and get the frames as they
finish.</p>
<h2>Blender 4.2 and later</h2>
<p>Preferences › Get Extensions › Repositories › + › Add Remote Repository. Paste
<code>${address}/addon/index.json</code> with the <code>http://</code> or <code>https://</code> of this page before it,
then install “Tilework” from the list. Blender updates it from here.</p>
<h2>Blender 3.4 to 4.1</h2>
<p>Download <a href="${name}" download>${name}</a>, then Preferences › Add-ons › Install, and tick “Tilework”.</p>
<h2>Then</h2>
<p>Preferences › Add-ons › Tilework: enter the address of this farm and your token, and press Test Connection.</p>
</html>
`
}
