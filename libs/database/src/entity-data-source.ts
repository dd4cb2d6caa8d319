import { DataSource, EntitySchema, type DataSourceOptions } from 'typeorm';
import { quoteName } from './postgres/sql';

/** TypeORM splits table paths at dots; inside our entities a dot that belongs to a name is written as this character. */
const DOT = '\uF8FE';

/**
 * TypeORM looks for words of its finished statement that are property or column names of the entity, and quotes them:
 * inside quoted identifiers too (table `my name list` with a column `name`). This character stands in no statement.
 */
const OURS = '\uF8FD';

/** Spells a schema or table name so that TypeORM carries it through unharmed; undone by the data source's quoting. */
export function typeormName(name: string): string {
  return name.replaceAll('.', DOT);
}

/** The same for the name of a column. */
export function typeormColumn(name: string): string {
  return `${typeormName(name)}${OURS}`;
}

/** The name of an entity's property: TypeORM replaces it in statements, so no identifier may hold it as a word. */
export function typeormProperty(name: string): string {
  return `${OURS}${name}`;
}

/**
 * A DataSource to which entities can be added while it runs (targets are known only when a pipeline is planned), and
 * whose identifiers are quoted by our dialect: TypeORM itself wraps names in quotes without escaping them (R10).
 */
export class EntityDataSource extends DataSource {
  private readonly known: EntitySchema[];
  private adding: Promise<void> = Promise.resolve();

  /** @param quote one identifier, by the product's dialect; default PostgreSQL's */
  constructor(options: DataSourceOptions, quote: (name: string) => string = quoteName) {
    super(options);
    this.known = Array.isArray(options.entities) ? options.entities.filter((e): e is EntitySchema => e instanceof EntitySchema) : [];
    this.driver.escape = (name) => quote((name.endsWith(OURS) ? name.slice(0, -1) : name).replaceAll(DOT, '.'));
  }

  /** Adds entities; one of the same name replaces the earlier one. Types the driver does not know by name are allowed. */
  async addEntities(entities: readonly EntitySchema[]): Promise<void> {
    const add = async (): Promise<void> => {
      const names = new Set(entities.map((e) => e.options.name));
      const kept = this.known.filter((e) => !names.has(e.options.name));
      this.known.splice(0, this.known.length, ...kept, ...entities);
      const supported = this.driver.supportedDataTypes as string[];
      for (const entity of entities) {
        for (const column of Object.values(entity.options.columns)) {
          const type = column?.type;
          if (typeof type === 'string' && !supported.includes(type)) supported.push(type);
        }
      }
      this.setOptions({ entities: [...this.known] });
      await this.buildMetadatas();
    };
    // one rebuild at a time: two interleaved ones would publish metadata that lacks the other's entities
    this.adding = this.adding.then(add, add);
    await this.adding;
  }
}
