/** The database products on either side. A third is one adapter each for source, capture and warehouse. */
export type Product = 'postgres' | 'mssql';
