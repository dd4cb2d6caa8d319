/** Routes as the OpenAPI document lists them: tells a wrong method (405, with `Allow`) from an unknown route (404). */
export class RouteTable {
  #routes: readonly { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];

  /** @param paths the `paths` of an OpenAPI document: template → operations by lower-case method */
  load(paths: Readonly<Record<string, object>>): void {
    this.#routes = Object.entries(paths).map(([template, operations]) => {
      const parts = template.split('/').map((part) => (part.startsWith('{') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
      const methods = Object.keys(operations).map((method) => method.toUpperCase());
      return { pattern: new RegExp(`^${parts.join('/')}/?$`, 'i'), methods: methods.includes('GET') ? [...methods, 'HEAD'] : methods };
    });
  }

  /** Methods the path answers to; empty: no such route. */
  methodsOf(path: string): readonly string[] {
    return [...new Set(this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
  }
}
