/** Version of the product, as in the root package.json (held equal by a test): bundles carry no package.json. */
export const VERSION = '0.1.0';
